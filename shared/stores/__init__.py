"""
The stores, named by place and noun: core_users, supabase_documents, accounts (Firebase Auth).

A method is one business sentence and one round trip. Vendor errors are translated here, once.
"""

from __future__ import annotations
