"""Who wants live ticks of what, and keeping the ticker service to it.

What is wanted are rows: one session for each page, program or process, one ``Want``
for each of its instruments; they are the reference count. The service is told once
for all of them: when the first wants an instrument, and when the last no longer does.

    session = sessions.begin(wish, instruments, ticker())  # all of them, or none
    sessions.renew(session, lease=...)
    sessions.end(session, ticker())

``reconciling`` makes good what went wrong in between: sessions that nobody renewed,
a call whose process died, a service that was restarted and forgot.
"""
