"""What people see in a browser before a manager lets them in: logging in, and letting others in."""
