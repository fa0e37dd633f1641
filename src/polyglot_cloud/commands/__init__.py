"""What single commands of the command line do: their options, and the text that they print. `cli` reads and prints."""
