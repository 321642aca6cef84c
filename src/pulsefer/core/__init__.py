"""Types, errors, seeding, fingerprints, files that survive a kill, progress, fan-out."""
