/** A lint rule: money follows one clock, which tests set. So nobody but src/kernel/clock.ts asks the system for the time. */
const onlyClockReadsTime = {
  create(context) {
    const isDate = (node) => node.type === 'Identifier' && node.name === 'Date';
    const report = (node) =>
      context.report({ node, message: 'Take the time from the Clock (src/kernel/clock.ts), which tests can set.' });
    return {
      NewExpression(node) {
        if (isDate(node.callee) && node.arguments.length === 0) report(node);
      },
      CallExpression(node) {
        if (isDate(node.callee)) report(node);
      },
      MemberExpression(node) {
        if (isDate(node.object) && !node.computed && node.property.name === 'now') report(node);
      },
    };
  },
};

export default { meta: { name: 'clock' }, rules: { 'only-clock-reads-time': onlyClockReadsTime } };
