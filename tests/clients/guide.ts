/** The code blocks of docs/clients.md as modules, so that what the guide shows is what runs. */
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const BLOCK = /^```js (\S+)\n([\s\S]*?)^```$/gm;

/** The guide's blocks in a folder of their own, where they find the packages of this one. */
export class Guide {
  readonly folder: string;
  readonly #blocks: ReadonlyMap<string, string>;

  private constructor(folder: string, blocks: ReadonlyMap<string, string>) {
    this.folder = folder;
    this.#blocks = blocks;
  }

  static async open(): Promise<Guide> {
    const text = await readFile('docs/clients.md', 'utf8');
    const blocks = new Map([...text.matchAll(BLOCK)].map(([, name = '', code = '']) => [name, code]));
    const folder = await mkdtemp(join(tmpdir(), 'tollgate-guide-'));
    await symlink(resolve('node_modules'), join(folder, 'node_modules'));
    for (const [name, code] of blocks) await writeFile(join(folder, name), code);
    return new Guide(folder, blocks);
  }

  get names(): string[] {
    return [...this.#blocks.keys()];
  }

  /** What the block of this name exports. */
  async module<T>(name: string): Promise<T> {
    if (!this.#blocks.has(name)) throw new Error(`the guide has no block ${name}`);
    return (await import(pathToFileURL(join(this.folder, name)).href)) as T;
  }

  close(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }
}
