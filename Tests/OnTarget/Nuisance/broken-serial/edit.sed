# The console's driver answers nonsense.
s/^binary = "SerialDriver"/binary = "Nuisance"/
