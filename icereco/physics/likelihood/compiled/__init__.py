"""The likelihood and its maxima for processors, as machine code: one job after the other, eight modules or pulses at once.

The same functions as those of `icereco.physics.light` and `icereco.physics.likelihood`, which work on tensors, are the reference
and run on GPUs. Here a module's light is computed once for all of its pulses, with its derivatives (`jets`), and the numbers of a
job stay in the processor's registers and caches. `ascent` climbs; `terms` goes over the modules of an event, keeps the light of those
with pulses (`held`), goes over the pulses (`rates`), and over these modules once more. Formulas are written for a number and hold for
eight (`lanes`). Numba compiles this when it is first used, which takes some 30 seconds, and keeps the result for later programs.
"""
