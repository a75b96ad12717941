"""The walk-through: the life of an order, told step by step, against a real service over real HTTP."""
