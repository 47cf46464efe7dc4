"""What is answered: request and response schemas, scoring, the BentoML service, its client, the export.

The service computes the features itself, from bars; training lives in `models`.
"""
