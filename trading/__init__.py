"""Trading: the bot, its feed, its brokers, its journal. The bot gets scores over HTTP and imports no model."""

__all__ = ["feed", "journal", "brokers", "bot"]
