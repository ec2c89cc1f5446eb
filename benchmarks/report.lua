-- What wrk is told and what it tells: with an argument, POST so many bytes; at the end, the sums to the byte.

function init(arguments)
    if arguments[1] then
        wrk.method = "POST"
        wrk.body = string.rep("x", tonumber(arguments[1]))
    end
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        "sums: %d %d %d %d %d\n", summary.requests, summary.bytes, summary.duration,
        errors.connect + errors.read + errors.write + errors.timeout, errors.status
    ))
end
