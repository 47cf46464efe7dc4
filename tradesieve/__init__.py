"""Learn which of a strategy's trades to take, show that it is not luck, and tell live bots over HTTP.

The package is a link to each room, in the order of the work:

    market -> features -> strategies -> models -> serving -> trading -> pipelines
"""
