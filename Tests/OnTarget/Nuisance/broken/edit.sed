# These services answer nonsense.
s/^binary = "TimeService"/binary = "Nuisance"/
s/^binary = "PL031Driver"/binary = "Nuisance"/
s/^binary = "PL061Driver"/binary = "Nuisance"/
# What answers nonsense is larger than the clock's service.
s/^arena_bits = 17/arena_bits = 18/
