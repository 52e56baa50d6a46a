import { TheTill } from './0001-the-till.ts';
import { TheCompleteLedger } from './0002-the-complete-ledger.ts';
import { OrganizationsAndKeys } from './0003-organizations-and-keys.ts';
import { PlansAndPeriods } from './0004-plans-and-periods.ts';
import { StripeInbox } from './0005-stripe-inbox.ts';
import { StripeCustomers } from './0006-stripe-customers.ts';
import { UnpaidBases } from './0007-unpaid-bases.ts';
import { Invitations } from './0008-invitations.ts';
import { AnswersGivenAgain } from './0009-answers-given-again.ts';
import { SumsWithoutBound } from './0010-sums-without-bound.ts';
import { UseOfKeys } from './0011-use-of-keys.ts';
import { QuarterHoursAndModels } from './0012-quarter-hours-and-models.ts';
import { TransferredBy } from './0013-transferred-by.ts';
import { PublicUseByRecording } from './0014-public-use-by-recording.ts';
import { RefundsInParts } from './0015-refunds-in-parts.ts';
import { Alerts } from './0016-alerts.ts';
import { Webhooks } from './0017-webhooks.ts';
import { MailTables } from './0018-mail.ts';
import { AcknowledgedAlerts } from './0019-acknowledged-alerts.ts';
import { EndedSessions } from './0020-ended-sessions.ts';
import { SubscriptionFindings } from './0021-subscription-findings.ts';
import { StampsOfAccounts } from './0022-stamps-of-accounts.ts';

/** Every migration, in order. Forward only: what has run is never edited, the next one mends it. */
export const migrations = [
  TheTill,
  TheCompleteLedger,
  OrganizationsAndKeys,
  PlansAndPeriods,
  StripeInbox,
  StripeCustomers,
  UnpaidBases,
  Invitations,
  AnswersGivenAgain,
  SumsWithoutBound,
  UseOfKeys,
  QuarterHoursAndModels,
  TransferredBy,
  PublicUseByRecording,
  RefundsInParts,
  Alerts,
  Webhooks,
  MailTables,
  AcknowledgedAlerts,
  EndedSessions,
  SubscriptionFindings,
  StampsOfAccounts,
];
