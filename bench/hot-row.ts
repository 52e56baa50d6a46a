/**
 * The tables of the two yardsticks: what one would write without folding. They are as narrow as a correct meter can
 * make them, so that the comparison flatters the yardsticks rather than us.
 */
export const hotRowTables = `
  CREATE SCHEMA yardstick;
  CREATE TABLE yardstick.account (id int PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0), version bigint NOT NULL DEFAULT 0) WITH (fillfactor = 50);
  CREATE TABLE yardstick.usage_record (
    id uuid PRIMARY KEY, account_id int NOT NULL, idempotency_key text NOT NULL, quantity bigint NOT NULL, credits bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(), UNIQUE (account_id, idempotency_key)
  );
  CREATE TABLE yardstick.ledger_entry (
    account_id int NOT NULL, sequence bigint NOT NULL, amount bigint NOT NULL, balance_before bigint NOT NULL, balance_after bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (account_id, sequence)
  );
  INSERT INTO yardstick.account (id, balance) VALUES (1, 1000000000000), (2, 1000000000000);
`;

/** pgbench's way: one prepared statement takes a credit from one hot row and writes the entry. */
export const hotRowStatement = `
  WITH taken AS (
    UPDATE yardstick.account SET balance = balance - 1, version = version + 1 WHERE id = 1 AND balance >= 1 RETURNING id, version, balance
  )
  INSERT INTO yardstick.ledger_entry (account_id, sequence, amount, balance_before, balance_after)
  SELECT id, version, -1, balance + 1, balance FROM taken RETURNING balance_after`;
