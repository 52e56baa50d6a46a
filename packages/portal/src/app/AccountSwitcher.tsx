import { Menu } from '@base-ui/react/menu';
import { useNavigate } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { text } from '../text.ts';
import { Dialog } from '../ui/Dialog.tsx';
import { Icon } from '../ui/Icon.tsx';
import { accountsOf, useCurrent } from '../account/current.tsx';
import { AccountSearch } from './AccountSearch.tsx';
import { Invitations } from './Invitations.tsx';

// A form weighs more than the menu that it is opened from.
const NewOrganization = lazy(() => import('./NewOrganization.tsx').then((it) => ({ default: it.NewOrganization })));

/** Switches between one's own account, one's organizations and, for operators, any other; makes organizations and answers invitations. */
export function AccountSwitcher(): ReactNode {
  const { account, viewer, isOperator, askAgain } = useCurrent();
  const [open, setOpen] = useState<'search' | 'create' | 'invitations' | null>(null);
  const navigate = useNavigate();
  const own = viewer.user?.id;
  const close = (): void => setOpen(null);
  const invited = viewer.invitations.length;
  const switcherName =
    invited === 0
      ? text.account.switch(account.name)
      : `${text.account.switch(account.name)}. ${text.organizations.invitations(invited)}`;
  return (
    <>
      <Menu.Root onOpenChange={(isOpen) => isOpen && askAgain()}>
        <Menu.Trigger className="switcher" aria-label={switcherName}>
          <span className="switcher-name">{account.name}</span>
          {invited > 0 && <span className="switcher-mark" />}
          <Icon name="updown" />
        </Menu.Trigger>
        <Menu.Portal>
          <Menu.Positioner align="start" sideOffset={4} className="floating">
            <Menu.Popup className="menu">
              {accountsOf(viewer).map(({ id, name }) => (
                <Menu.Item
                  key={id}
                  className="menu-item"
                  onClick={() => void navigate({ to: '.', search: { account: id === own ? undefined : id } })}
                >
                  {name}
                  <span className="hint">{id === own ? text.account.own : text.account.organization}</span>
                  {id === account.id && <Icon name="check" />}
                </Menu.Item>
              ))}
              {invited > 0 && (
                <Menu.Item className="menu-item menu-apart" onClick={() => setOpen('invitations')}>
                  {text.organizations.invitations(invited)}
                  <Icon name="people" />
                </Menu.Item>
              )}
              {viewer.user != null && (
                <Menu.Item className="menu-item menu-apart" onClick={() => setOpen('create')}>
                  {text.organizations.create}
                </Menu.Item>
              )}
              {isOperator && (
                <Menu.Item className="menu-item" onClick={() => setOpen('search')}>
                  {text.account.search}
                </Menu.Item>
              )}
            </Menu.Popup>
          </Menu.Positioner>
        </Menu.Portal>
      </Menu.Root>
      <Dialog title={text.account.search} isOpen={open === 'search'} onClose={close}>
        <AccountSearch onChoose={close} />
      </Dialog>
      <Dialog title={text.organizations.invitationsTitle} isOpen={open === 'invitations'} onClose={close}>
        <Invitations onOpen={close} />
      </Dialog>
      {open === 'create' && (
        <Suspense>
          <NewOrganization onClose={close} />
        </Suspense>
      )}
    </>
  );
}
