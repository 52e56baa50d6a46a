import { Menu } from '@base-ui/react/menu';
import { type ReactNode, useState } from 'react';
import { text } from '../text.ts';
import { Dialog } from '../ui/Dialog.tsx';
import { Icon } from '../ui/Icon.tsx';
import type { ViewerQuery } from '../gql/graphql.ts';
import { useParts } from './parts.ts';
import { setPreferences, type Theme, usePreferences } from '../ui/preferences.ts';
import { signOut } from '../api/session.ts';

const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

/** Theme, the UTC switch and the way out. */
export function PersonMenu({ viewer }: { readonly viewer: ViewerQuery['viewer'] }): ReactNode {
  const { session } = useParts();
  const { theme, utc } = usePreferences();
  const [isStillIn, setStillIn] = useState(false);
  const name = session.name ?? viewer.user?.name ?? viewer.subject;
  return (
    <Menu.Root>
      <Menu.Trigger className="button button-quiet person" title={text.person.menu(name)}>
        <span className="initials" aria-hidden="true" data-initials={initialsOf(name)} />
        <span className="visually-hidden">{text.person.menu(name)}</span>
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner align="end" sideOffset={4} className="floating">
          <Menu.Popup className="menu">
            <p className="menu-note">{text.person.signedInAs(name)}</p>
            <Menu.RadioGroup
              aria-label={text.person.theme}
              value={theme}
              onValueChange={(value) => setPreferences({ theme: value as Theme })}
            >
              {THEMES.map((value) => (
                <Menu.RadioItem key={value} value={value} className="menu-item">
                  {text.person.themes[value]}
                  <Menu.RadioItemIndicator>
                    <Icon name="check" />
                  </Menu.RadioItemIndicator>
                </Menu.RadioItem>
              ))}
            </Menu.RadioGroup>
            <Menu.CheckboxItem
              className="menu-item menu-apart"
              checked={utc}
              onCheckedChange={(checked) => setPreferences({ utc: checked })}
            >
              {text.person.utc}
              <Menu.CheckboxItemIndicator>
                <Icon name="check" />
              </Menu.CheckboxItemIndicator>
            </Menu.CheckboxItem>
            <Menu.Item className="menu-item menu-apart" onClick={() => void signOut().catch(() => setStillIn(true))}>
              {text.person.signOut}
            </Menu.Item>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
      <Dialog title={text.person.stillIn} isOpen={isStillIn} onClose={() => setStillIn(false)}>
        <p>{text.person.stillInHint}</p>
      </Dialog>
    </Menu.Root>
  );
}

function initialsOf(name: string): string {
  const [first = '?', last = ''] = name.split(/\s+/);
  return `${first.charAt(0)}${last.charAt(0)}`.toUpperCase();
}
