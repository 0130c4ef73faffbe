# The name service answers nonsense.
s/^binary = "NameService"/binary = "Nuisance"/
