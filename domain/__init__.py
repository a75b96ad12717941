"""What is true and what may happen next: pure decisions over immutable facts, without I/O, clock or chance."""
