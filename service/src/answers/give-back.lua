-- Gives entries back that a worker has not begun, for another to take at once, and leaves the group when nothing is left.
--
-- KEYS[1]   the stream
-- ARGV[1]   the group
-- ARGV[2]   the consumer that gives back
-- ARGV[3]   the consumer that has what was given back
-- ARGV[4]   entries, and so on

local stream, group, me, returned = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
for i = 4, #ARGV do
  local pending = redis.call('XPENDING', stream, group, ARGV[i], ARGV[i], 1)[1]
  -- JUSTID: it was not delivered once more.
  if pending and pending[2] == me then redis.call('XCLAIM', stream, group, returned, 0, ARGV[i], 'JUSTID') end
end
if #redis.call('XPENDING', stream, group, '-', '+', 1, me) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', stream, group, me)
end
