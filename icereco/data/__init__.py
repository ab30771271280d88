"""Data: event tables, the store they are prepared into, and the stream of batches out of it.

Words for some of the events, in the order in which data flow:

    Part        train, validation or test: what a declared split (`SplitRule`) makes of a data set
    Selection   one Part of a rule, kept while files are read
    part        of a source, where it is no Part of a split: a file that is read and prepared on its own
    Shard       a file of a store: the events of a part, or some of them, in whole blocks
    block       consecutive events of a store that are read and shuffled together (`BLOCK_EVENTS`)
    Rows        any events of a store: by number (`RowNumbers`), or by hash within Spans of rows (`HashedRows`)
    Split       the Rows of a store that train and those that validate
    Portion     the Rows of one store, or all, and how often an epoch sees them
    BlockRows   the events of a Portion in one block; several make the window that is cut into batches
"""
