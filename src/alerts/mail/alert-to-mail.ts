/** Alerts and notices as the dispatcher hands them over to be mailed. */
import type { AlertType } from '../../ledger/rules/alert-preferences.ts';

/** An alert with all that its mail says of it. */
export interface AlertToMail {
  readonly billingEntityId: string;
  /** The alert's own id, which no notice of the entity has. An alert that is handed over twice is mailed once. */
  readonly id: string;
  /** Its number within the entity, which orders alerts of one instant. */
  readonly number: bigint;
  readonly entityName: string;
  readonly type: AlertType;
  /** Share of the allowance; null where the alert has none. */
  readonly level: number | null;
  readonly available: bigint;
  /** MEMBER_LIMIT: whose limit it is. They are mailed too, whoever else is. */
  readonly member: { readonly billingEntityId: string; readonly name: string } | null;
  readonly message: string;
  readonly at: Date;
}

/** Something else that an entity should know, such as that its webhook endpoint was disabled. */
export interface NoticeToMail {
  readonly billingEntityId: string;
  /** Its own id, which no alert of the entity has. A notice that is handed over twice is mailed once. */
  readonly id: string;
  readonly entityName: string;
  /** One line. */
  readonly title: string;
  readonly message: string;
  readonly at: Date;
}
