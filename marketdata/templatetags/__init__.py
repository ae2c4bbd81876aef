"""Tags of the market's templates."""
