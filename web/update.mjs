// Writes playground/vendor anew from the packages that package-lock.json pins:
//
//	node web/update.mjs
//
// It copies what the packages ship; nothing is built. Run again it changes
// nothing, so CI runs it and then asks git whether anything differs.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const here = import.meta.dirname;
const vendor = path.join(here, 'playground', 'vendor');

// From a package's file to its name in vendor.
const wanted = [
  ['react', 'umd/react.production.min.js', 'react.js'],
  ['react-dom', 'umd/react-dom.production.min.js', 'react-dom.js'],
  ['graphiql', 'graphiql.min.js', 'graphiql.js'],
  ['graphiql', 'graphiql.min.css', 'graphiql.css'],
  ['@graphiql/plugin-explorer', 'dist/index.umd.js', 'explorer.js'],
  ['@graphiql/plugin-explorer', 'dist/style.css', 'explorer.css'],
  ['graphql-ws', 'umd/graphql-ws.min.js', 'graphql-ws.js'],
];

// The only changes made to what the packages ship.
function adapt(name, text) {
  // The maps are several times the size of the scripts and are left out.
  text = text.replace(/\n?\/[/*]# sourceMappingURL=.*\s*$/, '\n');
  // GraphiQL's style sheet carries Roboto and Fira Code within it: 360 KB that
  // hardly compress, and no Arabic letter among them. main.css names the
  // system's fonts instead.
  if (name === 'graphiql.css') text = text.replace(/@font-face\s*\{[^}]*\}\s*/g, '');
  for (const left of ['sourceMappingURL', 'data:font/']) {
    if (text.includes(left)) throw new Error(`${name} still has ${left} in it`);
  }
  return text;
}

const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'omarty-playground-'));
try {
  for (const name of ['package.json', 'package-lock.json', '.npmrc']) {
    fs.copyFileSync(path.join(here, name), path.join(temporary, name));
  }
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: temporary,
    stdio: 'inherit',
  });

  const files = wanted.map(([pkg, file, name]) => [name, adapt(name, read(pkg, file))]);
  files.push(['LICENSES.txt', licences()]);
  fs.rmSync(vendor, { recursive: true, force: true });
  fs.mkdirSync(vendor, { recursive: true });
  for (const [name, text] of files) fs.writeFileSync(path.join(vendor, name), text);
} finally {
  fs.rmSync(temporary, { recursive: true, force: true });
}

function read(pkg, file) {
  return fs.readFileSync(path.join(temporary, 'node_modules', pkg, file), 'utf8');
}

// Every vendored package with its licence, then the ones that GraphiQL and its
// explorer carry inside their scripts. Which those are GraphiQL's source map
// tells, their texts come from the packages as installed beside it.
function licences() {
  const out = [
    'Omarty Chat\'s playground is made of the packages below, each under its own licence.',
    'graphiql.css is without the fonts that the package has in it; nothing else was changed.',
  ];
  const direct = [...new Set(wanted.map(([pkg]) => pkg))].sort();
  for (const pkg of direct) {
    const { version, license } = JSON.parse(read(pkg, 'package.json'));
    out.push('='.repeat(80), `${pkg} ${version} (${license})`, textOf(pkg) ?? siblingOf(pkg));
  }

  const { sources } = JSON.parse(read('graphiql', 'graphiql.min.js.map'));
  const inside = new Set(['@graphiql/plugin-explorer/node_modules/graphiql-explorer']);
  for (const source of sources) {
    const pkg = source.match(/.*node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1];
    if (pkg && !direct.includes(pkg)) inside.add(pkg);
  }
  // Many share one text word for word: it stands once, below all their names.
  const named = new Map();
  for (const pkg of [...inside].sort()) {
    const text = textOf(pkg) ?? siblingOf(pkg);
    const name = pkg.replace(/.*node_modules\//, '');
    named.set(text, [...(named.get(text) ?? []), name]);
  }
  for (const [text, names] of named) {
    out.push('='.repeat(80), `Inside graphiql.js or explorer.js: ${names.join(', ')}`, text);
  }
  return out.join('\n\n') + '\n';
}

// The licence file of a package, undefined where it has none.
function textOf(pkg) {
  const folder = path.join(temporary, 'node_modules', pkg);
  if (!fs.existsSync(folder)) return undefined;
  const file = fs.readdirSync(folder).sort().find((name) => /^licen[cs]e/i.test(name));
  return file && read(pkg, file).replaceAll('\r\n', '\n').trim();
}

// For a package without a licence file: the text of one from the same
// repository, else what its package.json says.
function siblingOf(pkg) {
  if (pkg.startsWith('@graphiql/')) return textOf('graphiql');
  const scope = pkg.match(/^@[^/]+/)?.[0];
  if (scope) {
    const folder = path.join(temporary, 'node_modules', scope);
    for (const name of fs.readdirSync(folder).sort()) {
      const text = textOf(`${scope}/${name}`);
      if (text) return text;
    }
  }
  const { license, author } = JSON.parse(read(pkg, 'package.json'));
  const who = typeof author === 'string' ? author : author?.name;
  return `${license} licence, by ${who ?? 'its authors'}; the package has no licence file.`;
}
