/**
 * The people of local mode, an organization of two of them, and a few days of their use, so that there is something to look
 * at. What somebody used on their own account is given again, so that everybody begins with the credits of the trial, as the
 * first example of the README shows.
 */
import { SignJWT } from 'jose';
import type { OperatorPrincipal, ServicePrincipal } from '../billing-entities/principal.ts';
import type { Clock } from '../kernel/clock.ts';
import type { AuthConfig } from '../config/config.ts';
import type { GrantInput } from '../credits/manual-changes.ts';
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
const ORGANIZATION = { externalId: 'acme-research', name: 'Acme Research' } as const;
/** Credits that the member may draw from the pool in a period: about twice what the demo has them use. */
const MEMBER_LIMIT = 5_000n;
/** Credits of the organization that may leave its pool, which those of a trial may not. */
const BOUGHT = 50_000n;
const BEARER = { subject: 'demo', expiresAt: new Date(8.64e15) } as const;
const SERVICE: ServicePrincipal = { kind: 'SERVICE', ...BEARER };
const OPERATOR: OperatorPrincipal = { kind: 'OPERATOR', ...BEARER };

/** Makes three of the people, an organization of two of them, and their use. A database that knows anybody already is left alone. */
export async function seedDemo(services: DomainServices, clock: Clock): Promise<void> {
  const { entities, consumption } = services;
  const anybody = await entities.list({ first: 1, after: null }, { search: null, type: null });
  if (anybody.edges.length > 0) return;
  const ids = new Map<string, string>();
  for (const { subject, name } of PEOPLE.slice(0, 3)) {
    ids.set(subject, await entities.ensureUser({ externalId: subject, name, withTrial: true }));
  }
  await seedOrganization(services);
  const now = clock.now().getTime();
  const answers = await consumption.consumeBatch(
    SERVICE,
    Array.from({ length: DAYS * 3 }, (_, index) => useAt(index, now, { userExternalId: 'demo-user' })),
  );
  await consumption.consumeBatch(
    SERVICE,
    Array.from({ length: DAYS * 2 }, (_, index) => {
      const by = index % 3 === 0 ? 'demo-owner' : 'demo-member';
      return useAt(index, now, { userExternalId: by, organizationExternalId: ORGANIZATION.externalId });
    }),
  );
  await give(services, {
    idempotencyKey: 'demo-grant',
    billingEntityId: ids.get('demo-user') as string,
    amount: answers.reduce((sum, answer) => sum + (answer.kind === 'success' ? answer.credits : 0n), 0n),
    source: 'PROMOTION',
    reason: 'what the demo used',
  });
}

/** Makes the organization with its owner, its member and credits that can be moved. */
async function seedOrganization(services: DomainServices): Promise<void> {
  const { organizations, members } = services;
  const { billingEntityId } = await organizations.create(OPERATOR, {
    ...ORGANIZATION,
    visibility: 'PRIVATE',
    ownerExternalId: 'demo-owner',
  });
  await members.set(OPERATOR, {
    billingEntityId,
    userExternalId: 'demo-member',
    role: 'MEMBER',
    status: 'ACTIVE',
    creditLimit: MEMBER_LIMIT,
    reason: 'a member of the demo',
  });
  await give(services, {
    idempotencyKey: 'demo-purchase',
    billingEntityId,
    amount: BOUGHT,
    source: 'PURCHASE',
    reason: 'what the demo bought',
  });
}

async function give(
  { administration }: DomainServices,
  given: Pick<GrantInput, 'idempotencyKey' | 'billingEntityId' | 'amount' | 'source' | 'reason'>,
): Promise<void> {
  await administration.grant(OPERATOR, { ...given, priority: DEFAULT_PRIORITY, effectiveAt: null, expiresAt: null });
}

/** One of the uses, some a day until now, each of other amounts. */
function useAt(
  index: number,
  now: number,
  by: { readonly userExternalId: string; readonly organizationExternalId?: string },
): ConsumeInput {
  const perDay = by.organizationExternalId === undefined ? 3 : 2;
  return {
    organizationExternalId: null,
    ...by,
    idempotencyKey: `demo-${index}`,
    lines: [
      {
        resource: 'AI_TOKENS',
        quantity: BigInt(400 + ((index * 7_919) % 2_600)),
        model: index % 3 === 0 ? 'large' : 'small',
      },
      { resource: 'COMPUTE', quantity: BigInt(1_500 + ((index * 104_729) % 40_000)) },
    ],
    apiKeyId: null,
    feature: null,
    reservationId: null,
    occurredAt: new Date(now - Math.floor(((DAYS * perDay - index) * DAY_MS) / perDay)),
    metadata: null,
  };
}
