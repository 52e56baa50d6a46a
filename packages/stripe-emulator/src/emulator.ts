import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from './clock.ts';
import { Api, type Exchange } from './api.ts';
import { EmulatorControl } from './control.ts';
import { serveControl } from './control-routes.ts';
import { Faults } from './faults.ts';
import { servePage } from './pages.ts';
import { Sandbox } from './sandbox.ts';
import { Storage } from './storage.ts';
import { catchUp } from './timeline.ts';
import { Visitors } from './visitors.ts';
import { Deliveries, type DeliveryTiming } from './webhooks.ts';

export interface EmulatorOptions {
  /** 0 or absent: any free one. */
  readonly port?: number;
  readonly host?: string;
  /** The address for browsers, if it is not the one that it listens on. */
  readonly publicUrl?: string | null;
  readonly clock?: Clock;
  /** Makes the clock stand still at this second until it is moved. */
  readonly frozenAt?: number;
  /** Keeps everything in this file. */
  readonly stateFile?: string | null;
  readonly endpoints?: readonly { url: string; secret: string; thin: boolean }[];
  /** Keeps calls and answers for the contract test. */
  readonly recordTraffic?: boolean;
  readonly deliveries?: Partial<DeliveryTiming>;
}

export interface Emulator {
  readonly url: string;
  readonly port: number;
  readonly control: EmulatorControl;
  /** Calls and answers, if they are recorded. */
  readonly traffic: readonly Exchange[];
  stop(): Promise<void>;
}

/** Largest request that is read. */
const MOST_BYTES = 4 * 1024 * 1024;

/** An idle connection is kept for so long. */
const KEEP_ALIVE_MS = 65_000;

/** The pause between two looks at a running clock for what came due. */
const TICK_MS = 1_000;

const TIMING: DeliveryTiming = { retryBaseMs: 1_000, mostAttempts: 16, timeoutMs: 10_000 };

/** Starts an emulated Stripe account behind an HTTP server on this machine. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const sandbox = new Sandbox(options.clock ?? systemClock);
  const faults = new Faults();
  const deliveries = new Deliveries(sandbox, { ...TIMING, ...options.deliveries });
  const api = new Api(sandbox, faults, options.recordTraffic ?? false);
  if (options.frozenAt !== undefined) sandbox.setTime(options.frozenAt, true);
  const storage = options.stateFile == null ? null : new Storage(sandbox, options.stateFile);
  storage?.load();
  sandbox.onEvent = (event) => deliveries.take(event);
  sandbox.onThinEvent = (event) => deliveries.take(event);
  if (storage !== null) sandbox.onChange = () => storage.changed();
  setEndpoints(sandbox, options.endpoints ?? []);

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (response.headersSent || response.destroyed) response.destroy();
      else response.writeHead(500, { 'content-type': 'text/plain' }).end(`The emulator failed: ${String(error)}\n`);
    });
  });
  const visitors = new Visitors({ host: options.host ?? '127.0.0.1', publicUrl: options.publicUrl ?? null });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.headersTimeout = KEEP_ALIVE_MS + 1_000;
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://emulator');
    const refusal = visitors.refusal(request);
    if (refusal !== null) {
      request.resume();
      refuse(response, url.pathname, refusal);
      return;
    }
    const body = await bodyOf(request);
    const path = url.pathname;
    if (path.startsWith('/_emulator/')) {
      await serveControl({ sandbox, deliveries, faults, api }, request, response, { path, body });
    } else if (path.startsWith('/v1/') || path.startsWith('/v2/')) {
      await api.serve(request, response, { url, body });
    } else {
      const form = request.method === 'POST' ? new URLSearchParams(body) : null;
      if (!servePage(sandbox, response, { url, form })) {
        response.writeHead(404, { 'content-type': 'text/plain' }).end('There is nothing here.\n');
      }
    }
  }

  const host = options.host ?? '127.0.0.1';
  const port = await listen(server, host, options.port ?? 0);
  const url = `http://${host}:${port}`;
  sandbox.baseUrl = options.publicUrl ?? url;
  deliveries.resume();
  const ticker = setInterval(() => catchUp(sandbox), TICK_MS).unref();
  return {
    url,
    port,
    control: new EmulatorControl(url),
    traffic: api.traffic,
    stop: async () => {
      clearInterval(ticker);
      deliveries.stop();
      faults.clear();
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeAllConnections();
      await closed;
      storage?.flush();
    },
  };
}

/** In the form of the place: Stripe's for programs, words for people. */
function refuse(response: ServerResponse, path: string, message: string): void {
  const isApi = /^\/(v\d|_emulator)\//.test(path);
  const error = { code: 'forbidden', message, type: 'invalid_request_error' };
  response.writeHead(403, { 'content-type': isApi ? 'application/json' : 'text/plain; charset=utf-8' });
  response.end(isApi ? JSON.stringify({ error }) : `${message}\n`);
}

/** Endpoints that are configured replace those of an earlier run: its address may no longer be ours. */
function setEndpoints(sandbox: Sandbox, endpoints: NonNullable<EmulatorOptions['endpoints']>): void {
  for (const [index, { url, secret, thin }] of endpoints.entries()) {
    const id = `we_configured_${index}`;
    sandbox.tables.endpoints.set(id, { id, url, secret, events: ['*'], thin });
  }
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    const buffer = part as Buffer;
    bytes += buffer.length;
    if (bytes > MOST_BYTES) throw new Error('the request is too large');
    parts.push(buffer);
  }
  return Buffer.concat(parts).toString('utf8');
}
