"""The command line.

_commands → _session → _target, _collection      whom to ask, and for what
                     → _lines → _stdout          changes as text, one line each
                     → _screen → _frame → _view  changes as a table that moves
"""
