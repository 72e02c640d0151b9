// Writes list.txt, the common passwords that package omarty embeds, and LICENSE,
// its source and terms, beside this file. The same version gives the same files.
// Usage: node update.mjs
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const name = '@zxcvbn-ts/language-common'
const version = '4.1.3'
const minLength = 8

const dir = mkdtempSync(join(tmpdir(), 'commonpasswords-'))
try {
  const run = (file, ...args) =>
    execFileSync(file, args, { cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  const [{ filename }] = JSON.parse(run('npm', 'pack', '--json', '--ignore-scripts', `${name}@${version}`))
  run('tar', '-xzf', filename)

  const read = (file) => readFileSync(join(dir, 'package', file), 'utf8')
  const write = (file, text) => writeFileSync(new URL(file, import.meta.url), text)
  const passwords = JSON.parse(read('src/passwords.json'))
    .map((p) => p.normalize('NFC').toLowerCase())
    .filter((p) => [...p].length >= minLength && !/\s/u.test(p))
  const sorted = [...new Set(passwords)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  write('list.txt', sorted.join('\n') + '\n')
  write(
    'LICENSE',
    `list.txt: the common passwords of at least ${minLength} characters in the npm package\n` +
      `${name} ${version}, under the MIT licence:\n\n${read('LICENSE.txt').trim()}\n`,
  )
} finally {
  rmSync(dir, { recursive: true })
}
