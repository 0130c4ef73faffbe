# The log's lines have no end.
s/^binary = "Log"/binary = "Nuisance"/
# The device manager starts the drivers, and another task answers in its place.
/^binary = "DeviceManager"/,/^provides/ s/^provides = "devices"/waiting = 2/
