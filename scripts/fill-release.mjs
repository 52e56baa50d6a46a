/**
 * Fills a database with a release, by its own API, and keeps data and commands in tests/fixtures/last-release.json.gz, from
 * which a test proves that this release takes over. Usage: node scripts/fill-release.mjs COMMIT, once a release is out.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const [commit] = process.argv.slice(2);
if (commit === undefined) {
  console.error('usage: node scripts/fill-release.mjs COMMIT');
  process.exit(2);
}

const git = (...args) => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8' }).trim();
const release = git('rev-parse', '--short', `${commit}^{commit}`);
const checkout = join(mkdtempSync(join(tmpdir(), 'tollgate-release-')), 'checkout');
git('worktree', 'add', '--detach', checkout, release);
try {
  install();
  // What drives the release is of today. What boots it, and its own helpers, are the release's.
  cpSync(join(root, 'tests/releases'), join(checkout, 'tests/releases'), { recursive: true });
  rmSync(join(checkout, 'tests/releases/last-release.test.ts'));
  renameSync(join(checkout, 'tests/releases/fill.ts'), join(checkout, 'tests/releases/fill.test.ts'));
  run('npm', ['test', '--', 'tests/releases/fill.test.ts'], {
    FIXTURE: join(root, 'tests/fixtures/last-release.json.gz'),
    RELEASE: release,
  });
} finally {
  git('worktree', 'remove', '--force', checkout);
}

/** The same packages as here are linked, not fetched. */
function install() {
  const lock = (folder) => readFileSync(join(folder, 'package-lock.json'), 'utf8');
  if (lock(root) === lock(checkout)) run('cp', ['-al', join(root, 'node_modules'), join(checkout, 'node_modules')]);
  else run('npm', ['ci']);
}

function run(command, args, env = {}) {
  execFileSync(command, args, { cwd: checkout, stdio: 'inherit', env: { ...process.env, ...env } });
}
