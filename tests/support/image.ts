/** Lays out on disk what the Dockerfile copies, so that a test can run it without an engine for images. */
import { execFile } from 'node:child_process';
import { copyFile, link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');

/** The last stage of the Dockerfile: its files and what it runs. */
export interface Image {
  readonly directory: string;
  /** Arguments of Node that start the program; a command's name follows. */
  readonly entrypoint: readonly string[];
  /** The command that runs when none is named. */
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  remove(): Promise<void>;
}

interface Instruction {
  readonly word: string;
  readonly rest: string;
}

interface Stage {
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

/** Does what each stage says, in order. An instruction that it does not know is an error: the layout would not be true. */
export async function layOutImage(dockerfile: string): Promise<Image> {
  const parent = await mkdtemp(join(tmpdir(), 'tollgate-image-'));
  const stages = stagesOf(dockerfile);
  const directories = new Map<string, string>();
  for (const { name, instructions } of stages) {
    const directory = join(parent, name);
    await mkdir(directory);
    directories.set(name, directory);
    for (const instruction of instructions) {
      if (instruction.word === 'COPY') await copy(instruction.rest, { directory, directories });
      else if (instruction.word === 'RUN') await runStep(instruction.rest, directory);
    }
  }
  const last = stages.at(-1) as Stage;
  const said = (word: string): string => last.instructions.findLast((each) => each.word === word)?.rest ?? '';
  const [node, ...entrypoint] = JSON.parse(said('ENTRYPOINT')) as string[];
  if (node !== 'node') throw new Error(`the image starts ${node}, not Node`);
  return {
    directory: directories.get(last.name) as string,
    entrypoint,
    command: JSON.parse(said('CMD')) as string[],
    healthcheck: JSON.parse(/\[.*\]$/s.exec(said('HEALTHCHECK'))?.[0] ?? '') as string[],
    env: Object.fromEntries(
      said('ENV')
        .split(' ')
        .map((pair) => pair.split('=') as [string, string]),
    ),
    remove: () => rm(parent, { recursive: true, force: true }),
  };
}

const KNOWN = new Set(['WORKDIR', 'ENV', 'COPY', 'RUN', 'USER', 'EXPOSE', 'HEALTHCHECK', 'ENTRYPOINT', 'CMD']);

function stagesOf(dockerfile: string): Stage[] {
  const lines = dockerfile
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: { name: string; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const [, word = '', rest = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    if (word === 'FROM') {
      stages.push({ name: / AS (\S+)$/.exec(rest)?.[1] ?? `stage-${stages.length}`, instructions: [] });
    } else if (KNOWN.has(word)) {
      stages.at(-1)?.instructions.push({ word, rest });
    } else {
      throw new Error(`nobody knows here what this does: ${line}`);
    }
  }
  return stages;
}

/** `COPY [--from=stage] source … target`, below the working directory /app. */
async function copy(
  rest: string,
  { directory, directories }: { directory: string; directories: ReadonlyMap<string, string> },
): Promise<void> {
  const words = rest.split(' ');
  const from = words[0]?.startsWith('--from=') ? (words.shift() as string).slice('--from='.length) : null;
  const target = join(directory, words.pop() as string);
  for (const source of words) {
    const origin = from === null ? root : (directories.get(from) ?? '');
    const path = join(origin, from === null ? source : source.replace(/^\/app\//, ''));
    if (from === null && !(await isInContext(source))) throw new Error(`.dockerignore leaves out ${source}`);
    const isDirectory = (await stat(path)).isDirectory();
    // As Docker does: a directory's content goes into the target, a file goes below a target that ends in a slash.
    await linkTree(path, isDirectory ? target : join(target, basename(path)));
  }
}

/** The context holds what .dockerignore lets in: everything is out but what a line with `!` names. */
async function isInContext(path: string): Promise<boolean> {
  const lines = (await readFile(join(root, '.dockerignore'), 'utf8')).split('\n');
  if (!lines.includes('*')) throw new Error('.dockerignore lets everything in');
  const allowed = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  return allowed.some((each) => path === each || path.startsWith(`${each}/`));
}

/** Without a network: `npm ci` links what the lock file says from the packages that are installed here. */
async function runStep(step: string, directory: string): Promise<void> {
  if (step === 'npm ci') {
    await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  } else if (step === 'npm ci --omit=dev --omit=optional') {
    await linkProductionPackages(directory);
  } else if (step === 'npm run build') {
    const { scripts } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as {
      scripts: { build: string };
    };
    const [, ...args] = scripts.build.split(' ');
    await promisify(execFile)(process.execPath, args, { cwd: directory });
  } else {
    throw new Error(`nobody knows here what this does: RUN ${step}`);
  }
}

interface LockedPackage {
  readonly dev?: true;
  readonly optional?: true;
  readonly devOptional?: true;
  /** A package of this repository. */
  readonly link?: true;
}

/** Names of installed folders that an image has, such as `node_modules/pg` and `node_modules/a/node_modules/b`. */
export async function productionFolders(directory: string): Promise<string[]> {
  const { packages } = JSON.parse(await readFile(join(directory, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage>;
  };
  return Object.entries(packages).flatMap(([folder, { dev, optional, devOptional, link: isLink }]) =>
    folder.startsWith('node_modules/') && !dev && !optional && !devOptional && !isLink ? [folder] : [],
  );
}

async function linkProductionPackages(directory: string): Promise<void> {
  for (const folder of await productionFolders(directory)) {
    await linkTree(
      join(root, folder),
      join(directory, folder),
      (path) => relative(root, path) !== join(folder, 'node_modules'),
    );
  }
}

/** Links files where both places are on one disk, and copies them elsewhere. */
async function linkTree(from: string, to: string, isWanted: (path: string) => boolean = () => true): Promise<void> {
  if (!(await stat(from)).isDirectory()) {
    await mkdir(join(to, '..'), { recursive: true });
    await link(from, to).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EXDEV' && error.code !== 'EEXIST') throw error;
      // A later COPY replaces what an earlier one put there; what is there may be a link to the very source.
      await rm(to, { force: true });
      await copyFile(from, to);
    });
    return;
  }
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from)) {
    if (isWanted(join(from, name))) await linkTree(join(from, name), join(to, name));
  }
}
