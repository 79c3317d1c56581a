"""A worker in Python: tasks of the atom `remote`, over the same contract as the built-in worker.

In reading order: `settings`, `link` the stream to orchestration, `desk` what is under way and what is not recorded yet,
`attempt` one attempt in a process of its own, `store` files, `tables` what an attempt reads and writes, `handlers` the
work itself.
"""
