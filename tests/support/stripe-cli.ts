/** The official command-line tool, as it comes from npm. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface CommandRun {
  readonly code: number | string;
  /** What it printed, on both ways. */
  readonly output: string;
}

export interface StripeCommand {
  /** Hosts that it wanted to reach beyond this machine. */
  readonly outward: readonly string[];
  trigger(event: string, apiBase: string, ...more: readonly string[]): Promise<CommandRun>;
  stop(): Promise<void>;
}

/** Only a command that hangs takes so long, however busy the machine. */
export const LONGEST_RUN_MS = 120_000;

/**
 * The program, with a home of its own and no way out: every run of it asks its makers for a newer version, and a proxy
 * that refuses is there instead of them.
 */
export async function openStripeCommand(): Promise<StripeCommand> {
  const program = programOf();
  const outward: string[] = [];
  const proxy = await startProxy(outward);
  const home = mkdtempSync(join(tmpdir(), 'stripe-cli-'));
  const wall = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const env = {
    HOME: home,
    XDG_CONFIG_HOME: home,
    STRIPE_CLI_TELEMETRY_OPTOUT: '1',
    HTTP_PROXY: wall,
    HTTPS_PROXY: wall,
    NO_PROXY: '127.0.0.1',
  };
  return {
    outward,
    trigger: (event, apiBase, ...more) => {
      const args = ['trigger', event, '--api-base', apiBase, '--api-key', 'sk_test_command_line', ...more];
      return new Promise((resolve) => {
        execFile(program, args, { env, cwd: home, timeout: LONGEST_RUN_MS }, (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : (error.code ?? String(error.signal)), output: stdout + stderr });
        });
      });
    },
    stop: async () => {
      rmSync(home, { recursive: true, force: true });
      const closed = new Promise<void>((resolve) => {
        proxy.close(() => resolve());
      });
      proxy.closeAllConnections();
      await closed;
    },
  };
}

/** The program of this platform, which npm installs as an optional package. @throws where it is missing */
function programOf(): string {
  const require = createRequire(import.meta.url);
  const platforms = JSON.parse(readFileSync(require.resolve('@stripe/cli/platforms.json'), 'utf8')) as Platforms;
  const platform = platforms[`${process.platform}-${process.arch}`];
  if (platform === undefined) throw new Error('Stripe makes no command-line tool for this platform');
  try {
    return join(dirname(require.resolve(`${platform.pkg}/package.json`)), 'bin', platform.bin);
  } catch {
    throw new Error(`${platform.pkg} is not installed: npm ci --include=optional brings it`);
  }
}

type Platforms = Record<string, { readonly pkg: string; readonly bin: string } | undefined>;

function startProxy(outward: string[]): Promise<Server> {
  const proxy = createServer((request, response) => {
    outward.push(new URL(request.url ?? '/', 'http://proxy').host);
    response.writeHead(502).end();
  });
  proxy.on('connect', (request, socket) => {
    outward.push(request.url ?? '');
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  return new Promise((resolve) => {
    proxy.listen(0, '127.0.0.1', () => resolve(proxy));
  });
}
