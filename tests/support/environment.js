import { createRequire } from 'node:module';
import { TestEnvironment } from 'jest-environment-node';

const require = createRequire(import.meta.url);

/** What may be open when a file begins and ends, and would keep its process alive. Work on files is of the runner. */
const HELD = [
  'TCPSocketWrap',
  'TCPServerWrap',
  'TLSWrap',
  'UDPWrap',
  'PipeWrap',
  'ProcessWrap',
  'MessagePort',
  'Timeout',
];
/** What Stripe's SDK declares, as TypeScript reads it: seconds of work, done once for all files of a process that ask for it. */
let sdkContract;
/** Sockets take a moment to be gone, longer on a busy machine. Reached only by a file that fails. */
const PATIENCE_MS = 10_000;

// The heap of a worker has grown to gigabytes at the end, and on a busy machine its teardown outlasts the half second after
// which the runner kills. Nothing is held any more when this is told: a worker that something keeps alive never comes here.
if (process.send !== undefined) process.once('beforeExit', () => process.exit());

// They are opened when they are first asked for, and stay.
void [process.stdin, process.stdout, process.stderr];

/**
 * Fails a test file that leaves anything open: a pool, a server, a process, a timer. Otherwise the process that ran it
 * would have to be killed at the end of the run, and nobody would know who left what.
 */
export default class ClosingEnvironment extends TestEnvironment {
  #before = new Map();
  #responses = [];

  async setup() {
    await super.setup();
    const { fetch } = this.global;
    this.global.fetch = async (...request) => {
      const response = await fetch(...request);
      this.#responses.push(new WeakRef(response));
      return response;
    };
    this.global.sdkContract = () =>
      (sdkContract ??= require('../../packages/stripe-emulator/tests/support/sdk-contract.ts'));
    this.#before = held();
  }

  async handleTestEvent({ name }, { rootDescribeBlock }) {
    // A test that fails may leave open what it opened. Its own failure is what people must read.
    if (name !== 'run_finish' || hasFailed(rootDescribeBlock)) return;
    await this.#letGoOfUnread();
    const deadline = performance.now() + PATIENCE_MS;
    while (this.#leftOpen().length > 0 && performance.now() < deadline) await pause();
    const left = this.#leftOpen();
    if (left.length > 0) throw new Error(`the file left open: ${left.join(', ')}`);
  }

  /** A test that asks for the status alone leaves the body, and a long one holds its socket until the memory is collected. */
  async #letGoOfUnread() {
    const unread = this.#responses.splice(0).map((response) => response.deref()?.body);
    await Promise.all(
      unread.map((body) => (body?.locked === false ? body.cancel().catch(() => undefined) : undefined)),
    );
  }

  #leftOpen() {
    return [...held()].flatMap(([kind, count]) => {
      const more = count - (this.#before.get(kind) ?? 0);
      return more > 0 ? [`${more} ${kind}`] : [];
    });
  }
}

/** Looks for a failed test in a block of Jest's, or below it. */
function hasFailed(entry) {
  return entry.type === 'test' ? entry.errors.length > 0 : entry.children.some(hasFailed);
}

/** How many of each kind keep the process alive now. */
function held() {
  const counts = new Map();
  for (const kind of process.getActiveResourcesInfo()) {
    if (HELD.includes(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** A timer that has fired is not counted. */
function pause() {
  return new Promise((resolve) => {
    setTimeout(resolve, 20);
  });
}
