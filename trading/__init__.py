"""What is done: the bot, its feed, its broker, its journal. It asks the service over HTTP and imports no model."""

__all__ = ["feed", "journal", "brokers", "bot"]
