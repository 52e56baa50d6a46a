import type { ReactNode } from 'react';
import type { UseFormRegisterReturn } from 'react-hook-form';
import { useCurrent } from '../../account/current.tsx';
import type { MemberRole } from '../../gql/graphql.ts';
import { text } from '../../text.ts';
import { Field } from '../../ui/Field.tsx';
import { ROLES } from './terms.ts';

interface Props {
  readonly chosen: MemberRole;
  readonly registered: UseFormRegisterReturn;
}

/** The role, with what it means. Who may not make an owner sees that there is one, and why not. */
export function RoleField({ chosen, registered }: Props): ReactNode {
  const { account } = useCurrent();
  const mayMakeOwner = account.viewerPermissions.includes('members.setOwner');
  const hint = mayMakeOwner
    ? text.members.roleHints[chosen]
    : `${text.members.roleHints[chosen]} ${text.members.ownerOnly}`;
  return (
    <Field label={text.members.role} hint={hint}>
      {(described) => (
        <select {...described} {...registered}>
          {ROLES.map((role) => (
            <option key={role} value={role} disabled={role === 'OWNER' && !mayMakeOwner}>
              {text.members.roles[role]}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
