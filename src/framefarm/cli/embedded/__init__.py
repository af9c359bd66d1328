"""`framefarm render`: a manager and a worker inside one command, for one job in one folder."""
