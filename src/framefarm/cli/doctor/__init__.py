"""`framefarm doctor`: checks that really do what they check, and how to mend what fails."""
