import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { text } from '../../text.ts';
import { Button } from '../../ui/Button.tsx';

/** Narrows the list to a part of a name or an id. What is looked for stands in the address. */
export function Find({ search }: { readonly search: string }): ReactNode {
  const navigate = useNavigate();
  const [typed, setTyped] = useState(search);
  const find = (wanted: string): void => {
    setTyped(wanted);
    void navigate({ to: '/members', search: wanted.trim() === '' ? {} : { search: wanted.trim() } });
  };
  return (
    <form
      role="search"
      className="row find"
      onSubmit={(event) => {
        event.preventDefault();
        find(typed);
      }}
    >
      <input
        type="search"
        aria-label={text.members.search}
        placeholder={text.members.search}
        value={typed}
        onChange={({ target }) => setTyped(target.value)}
      />
      <Button type="submit">{text.members.find}</Button>
      {search !== '' && <Button onClick={() => find('')}>{text.members.showAll}</Button>}
    </form>
  );
}
