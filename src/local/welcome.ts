import type { SignInPerson } from '../http/sign-in.ts';

interface Addresses {
  /** Origin of this installation. */
  readonly origin: string;
  /** null: no emulator runs. */
  readonly stripeEmulator: URL | null;
  /** Mails are kept to be looked at. */
  readonly hasOutbox: boolean;
}

/** Says where everything is and how to come in. Local mode prints it once it listens. */
export async function welcome(
  { origin, stripeEmulator, hasOutbox }: Addresses,
  people: readonly SignInPerson[],
): Promise<string> {
  return [
    '',
    `Tollgate   ${origin}`,
    `GraphQL    ${origin}/graphql`,
    `GraphiQL   ${origin}/graphiql`,
    ...(hasOutbox ? [`Outbox     ${origin}/outbox`] : []),
    ...(stripeEmulator === null ? [] : [`Stripe     http://localhost:${stripeEmulator.port}`]),
    '',
    'Sign in as',
    ...people.map(({ as }) => `  ${origin}/sign-in?as=${as}`),
    '',
    'or send a token as Authorization: Bearer …',
    ...(await Promise.all(people.map(async ({ as, token }) => `  ${as.padEnd(8)} ${await token()}`))),
    '',
  ].join('\n');
}
