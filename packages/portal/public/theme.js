// Loaded and run before anything is painted: a page never flashes in the theme that is not chosen. It is a file of its own
// because the Content-Security-Policy allows no script in the page. src/ui/preferences.ts writes the cookie.
{
  const [, chosen] = /(?:^|; )tollgate-view=(light|dark)\./.exec(document.cookie) ?? [];
  const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  document.documentElement.dataset.theme = chosen ?? system;
}
