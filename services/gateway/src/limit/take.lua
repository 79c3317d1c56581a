-- The twin of gcra.rs in Redis: takes up to ARGV[3] events of the quota of KEYS[1], on the clock of Redis.
-- ARGV: interval and tolerance in microseconds, events wanted.
-- Answers how many were taken, how many more there is room for, and microseconds until the next one if there is none.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, tolerance, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local used = tonumber(redis.call('GET', KEYS[1]) or now)
-- Bounded, so that a clock that was set back locks nobody out.
local ahead = math.min(math.max(used - now, 0), tolerance)
local room = math.floor((tolerance - ahead) / interval)
local taken = math.min(wanted, room)
if taken > 0 or used > now + tolerance then
    ahead = ahead + taken * interval
    redis.call('SET', KEYS[1], string.format('%.0f', now + ahead), 'PX', math.ceil(ahead / 1000))
end
return { taken, room - taken, math.max(ahead + interval - tolerance, 0) }
