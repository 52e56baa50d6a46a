/**
 * The people of local mode, and a few days of their use, so that there is something to look at. What was used is given
 * again, so that everybody begins with the credits of the trial, as the first example of the README shows.
 */
import { SignJWT } from 'jose';
import type { OperatorPrincipal, ServicePrincipal } from '../billing-entities/principal.ts';
import type { Clock } from '../kernel/clock.ts';
import type { AuthConfig } from '../config/config.ts';
import type { SignInPerson } from '../http/sign-in.ts';
import { DEFAULT_PRIORITY } from '../ledger/rules/grants.ts';
import type { ConsumeInput } from '../metering/consumption.ts';
import type { DomainServices } from '../services.ts';

const PEOPLE = [
  { as: 'user', subject: 'demo-user', name: 'Uma User', about: 'A person with credits of her own.' },
  {
    as: 'owner',
    subject: 'demo-owner',
    name: 'Oscar Owner',
    about: 'Looks after an organization: its plan, its members and its credits.',
  },
  { as: 'member', subject: 'demo-member', name: 'Mia Member', about: 'Uses what an organization pays for.' },
  {
    as: 'operator',
    subject: 'demo-operator',
    name: 'Olga Operator',
    about: 'Runs this installation: sees and may do everything.',
    scope: 'billing:operator',
  },
] as const;
const TOKEN_SECONDS = 30 * 86_400;

/** The four people of the demo, with tokens that are good for thirty days. There are none where only an identity provider can sign tokens. */
export function demoPeople({ jwtSecret, issuer, audience }: AuthConfig, clock: Clock): SignInPerson[] {
  if (jwtSecret === null) return [];
  const key = new TextEncoder().encode(jwtSecret);
  return PEOPLE.map(({ as, subject, name, about, ...rest }) => ({
    as,
    about,
    identity: { sub: subject, name, email: `${subject}@example.com`, isOperator: as === 'operator' },
    token() {
      const now = Math.floor(clock.now().getTime() / 1_000);
      const jwt = new SignJWT({ name, email: `${subject}@example.com`, ...rest })
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject(subject)
        .setIssuedAt(now)
        .setExpirationTime(now + TOKEN_SECONDS);
      if (issuer !== null) jwt.setIssuer(issuer);
      if (audience !== null) jwt.setAudience(audience);
      return jwt.sign(key);
    },
  }));
}

const DAY_MS = 86_400_000;
const DAYS = 12;

/** Makes three of the people and their use. A database that knows anybody already is left alone. */
export async function seedDemo({ entities, consumption, administration }: DomainServices, clock: Clock): Promise<void> {
  const anybody = await entities.list({ first: 1, after: null }, { search: null, type: null });
  if (anybody.edges.length > 0) return;
  const ids = new Map<string, string>();
  for (const { subject, name } of PEOPLE.slice(0, 3)) {
    ids.set(subject, await entities.ensureUser({ externalId: subject, name, withTrial: true }));
  }
  const bearer = { subject: 'demo', expiresAt: new Date(8.64e15) };
  const service: ServicePrincipal = { kind: 'SERVICE', ...bearer };
  const now = clock.now().getTime();
  const uses = Array.from({ length: DAYS * 3 }, (_, index): ConsumeInput => ({
    idempotencyKey: `demo-${index}`,
    lines: [
      { resource: 'AI_TOKENS', quantity: BigInt(400 + ((index * 7_919) % 2_600)) },
      { resource: 'COMPUTE', quantity: BigInt(1_500 + ((index * 104_729) % 40_000)) },
    ],
    userExternalId: 'demo-user',
    organizationExternalId: null,
    apiKeyId: null,
    feature: null,
    reservationId: null,
    occurredAt: new Date(now - Math.floor(((DAYS * 3 - index) * DAY_MS) / 3)),
    metadata: { model: index % 3 === 0 ? 'large' : 'small' },
  }));
  const answers = await consumption.consumeBatch(service, uses);
  const used = answers.reduce((sum, answer) => sum + (answer.kind === 'success' ? answer.credits : 0n), 0n);
  const operator: OperatorPrincipal = { kind: 'OPERATOR', ...bearer };
  await administration.grant(operator, {
    idempotencyKey: 'demo-grant',
    billingEntityId: ids.get('demo-user') as string,
    amount: used,
    source: 'PROMOTION',
    priority: DEFAULT_PRIORITY,
    effectiveAt: null,
    expiresAt: null,
    reason: 'what the demo used',
  });
}
