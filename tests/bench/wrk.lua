-- The end of wrk's output, for wrk.py: what was answered, in how many bytes and microseconds, and what went wrong.
done = function(summary, latency, requests)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  print(string.format('{"requests": %d, "bytes": %d, "microseconds": %d, "errors": %d}',
    summary.requests, summary.bytes, summary.duration, errors))
end
