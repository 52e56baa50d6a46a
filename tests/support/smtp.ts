/** An SMTP server that takes the tests' mail over a real socket, and misbehaves where a test says so. */
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';

/** A mail as it arrived: who it was for, and what its reader sees. */
export interface ReceivedMail extends ParsedMail {
  readonly envelopeTo: readonly string[];
  readonly raw: string;
}

/**
 * Misbehaviour at one stage of a conversation; absent: the mail is taken. `drop-before-answer` has all of the mail and keeps
 * it, as a server does whose answer is lost.
 */
export type Misbehaviour =
  | { readonly at: 'rcpt'; readonly status: number }
  | { readonly at: 'data'; readonly status: number }
  | 'drop-in-data'
  | 'drop-before-answer'
  | 'hang-before-answer';

export class SmtpReceiver {
  readonly received: ReceivedMail[] = [];
  /** What the next conversations do, one after the other; then mails are taken. */
  readonly script: Misbehaviour[] = [];
  /** Conversations that came as far as RCPT. */
  conversations = 0;
  /** Mails whose bytes are here and whose answer is not given. */
  held = 0;
  /** Done between taking a mail and saying so. */
  onTaken: (() => Promise<void>) | undefined;
  readonly #server: SMTPServer;
  readonly #sockets = new Set<Socket>();
  #port = 0;

  private constructor() {
    const planned = new Map<string, Misbehaviour | undefined>();
    this.#server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS', 'AUTH'],
      disableReverseLookup: true,
      closeTimeout: 10,
      onRcptTo: (_address, session, done) => {
        this.conversations += 1;
        const plan = this.script.shift();
        planned.set(session.id, plan);
        done(typeof plan === 'object' && plan.at === 'rcpt' ? refusal(plan.status) : null);
      },
      onData: (stream, session, done) => {
        const plan = planned.get(session.id);
        if (plan === 'drop-in-data') {
          this.#drop();
          stream.resume();
          return;
        }
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => void this.#take(Buffer.concat(chunks), session, plan, done));
      },
    });
    this.#server.on('error', () => undefined);
    this.#server.server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** @param port any that is free, unless given */
  static async start(port = 0): Promise<SmtpReceiver> {
    const receiver = new SmtpReceiver();
    const server = receiver.#server.listen(port, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    receiver.#port = (server.address() as AddressInfo).port;
    return receiver;
  }

  get url(): string {
    return `smtp://127.0.0.1:${this.#port}`;
  }

  /** Those for this address, in the order in which they came. */
  to(address: string): ReceivedMail[] {
    return this.received.filter(({ envelopeTo }) => envelopeTo.includes(address));
  }

  clear(): void {
    this.received.length = 0;
    this.script.length = 0;
    this.conversations = 0;
    this.held = 0;
  }

  async stop(): Promise<void> {
    this.#drop();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #take(
    raw: Buffer,
    { envelope }: SMTPServerSession,
    plan: Misbehaviour | undefined,
    done: (error?: Error | null) => void,
  ): Promise<void> {
    if (typeof plan === 'object' && plan.at === 'data') {
      done(refusal(plan.status));
      return;
    }
    const mail = await simpleParser(raw, { skipImageLinks: true });
    this.received.push({ ...mail, raw: raw.toString(), envelopeTo: envelope.rcptTo.map(({ address }) => address) });
    await this.onTaken?.();
    if (plan === 'drop-before-answer') this.#drop();
    else if (plan === 'hang-before-answer') this.held += 1;
    else done();
  }
}

/** A server that accepts connections and never says a word. */
export async function startSilentServer(): Promise<{ url: string; connections: () => number; stop(): Promise<void> }> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

function refusal(responseCode: number): Error {
  return Object.assign(new Error('not for secret-person@example.com'), { responseCode });
}
