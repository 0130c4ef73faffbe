# These services answer nonsense.
s/^binary = "TimeService"/binary = "Nuisance"/
s/^binary = "PL031Driver"/binary = "Nuisance"/
s/^binary = "PL061Driver"/binary = "Nuisance"/
