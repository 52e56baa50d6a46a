import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** Everything that must hold before a change goes in, cheapest first. `--without-tests` leaves out the tests, for whoever has just run them. */
const steps = [
  { name: 'format', command: ['oxfmt', '--check'] },
  { name: 'lint', command: ['oxlint'] },
  { name: 'types', command: ['tsc', '--noEmit'] },
  {
    name: 'types of GraphiQL',
    command: ['tsc', '-p', 'packages/graphiql/tsconfig.json'],
    needs: 'packages/graphiql/tsconfig.json',
  },
  {
    name: 'types of the portal',
    command: ['tsc', '-p', 'packages/portal/tsconfig.json'],
    needs: 'packages/portal/tsconfig.json',
  },
  {
    name: 'types of the browser tests',
    command: ['tsc', '-p', 'tests/browser/tsconfig.json'],
    needs: 'tests/browser/tsconfig.json',
  },
  // Compares packages/portal/src/gql with the schema and schema/operations.
  {
    name: 'operations of the portal',
    command: ['node', 'scripts/portal-operations.mjs', '--check'],
    needs: 'schema/operations',
  },
  {
    name: 'size of the portal',
    command: ['node', 'scripts/portal-size.mjs'],
    needs: 'packages/portal/vite.config.ts',
  },
  {
    name: 'boundaries',
    command: ['depcruise', '--config', '.dependency-cruiser.mjs', 'src', 'packages', 'migrations'],
    needs: 'migrations',
  },
  { name: 'dead code', command: ['knip'], needs: 'src/cli/serve.ts' },
  // Compares schema/schema.graphql with what the code says.
  {
    name: 'schema',
    command: ['node', 'scripts/tollgate.mjs', 'schema', '--check'],
  },
  {
    name: 'tests',
    command: [
      'node',
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
    ],
    skip: process.argv.includes('--without-tests'),
  },
];

const failed = [];
for (const step of steps) {
  if (step.skip || (step.needs !== undefined && !existsSync(join(root, step.needs)))) continue;
  console.log(`── ${step.name}`);
  if (!(await run(step.command))) failed.push(step.name);
}
console.log(failed.length === 0 ? '── all is well' : `── failed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;

function run([program, ...args]) {
  const path = program === 'node' ? process.execPath : join(root, 'node_modules/.bin', program);
  const child = spawn(path, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' });
  return new Promise((resolve) =>
    child
      .once('error', (error) => {
        console.error(error.message);
        resolve(false);
      })
      .once('close', (code) => resolve(code === 0)),
  );
}
