-- GCRA (ITU-T I.371), several limits at once: admitted by all of them, or charged to none. A run takes several such
-- charges, one after the other, and looks up keys besides (docs/adr/0029):
--
-- KEYS         those of each charge in turn
-- ARGV[1]      how many charges
-- ARGV[…]      for each: how many keys it has, how many arguments, and these
-- ARGV[…]      the keys to look up. They are no KEYS, which a user has to be allowed to write.
--
-- Returns the reply to each charge, then for each key 1 when it exists and 0 when it does not. A text in place of one of
-- these is the error that it ended in, which takes nothing from the others. A charge that comes alone ends the run so.
--
-- The keys and arguments of a charge, each numbered by itself:
--
-- KEYS[i]      the limit's key; holds its theoretical arrival time (TAT), microseconds since the epoch
-- ARGV[2i-1]   emission interval, microseconds: window / limit, rounded up, so that no window gets more
-- ARGV[2i]     burst: how many may come ahead of the sustained rate
--
-- When a tenant's tier chooses among a limit's figures, these follow behind those of the n limits:
--
-- KEYS[n+j]    the key of another choice
-- ARGV[…]      four for each: the number of its limit, the tier that chooses it ('' for any, goes first), interval, burst
-- KEYS[last]   the key that holds the tenant's tier, of which 257 bytes are read at most
-- ARGV[last]   n
--
-- When limits charge the upgrades of one page once (docs/adr/0019), one key follows for each of these m limits:
--
-- KEYS[…]      the key of the user's page: the paths of its upgrades, each between spaces
-- ARGV[…]      three for each: the number of its limit, milliseconds that a page lasts, upgrades that it has at most
-- ARGV[…]      the path of this upgrade, without a space; m; 'page'
--
-- When the user may have returns to take (PROTOCOL.md §9), two more come at the very end:
--
-- KEYS[last]   the key of the returns: a list of "<end, milliseconds since the epoch> <count>", oldest first
-- ARGV[…]      of how many limits, the first of them, a return stands for the charge; 'return'
--
-- Who asks only how an upgrade would be answered adds one more behind all that. Then nothing is charged, taken or kept:
--
-- ARGV[last]   'dry run'
--
-- An upgrade that takes a return is neither charged nor refused by the limits that it stands for. One that another limit refuses takes
-- none. One of a page that a limit has charged is neither charged nor refused by this limit.
--
-- Its reply is {admitted, remaining, retry_after_us, reset_us, ...}. `admitted` is 1 or 0. Then come the three figures of each
-- limit in turn. When there are choices, a number behind them says what the tier's key held. It is 0 for nothing and j for
-- a tier that chooses KEYS[n+j]. It is -1 for a tier that no limit names, and -2 for no text, or nothing that may be read.
-- Time is this server's own, so that all gatekeepers share one clock.
-- gcra.ts and memory-pages.ts are its twins for a process's memory, which knows no returns.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function charge(KEYS, ARGV)
  local last_key, last_arg, return_key, stood_for = #KEYS, #ARGV, nil, 0
  local is_dry_run = ARGV[last_arg] == 'dry run'
  if is_dry_run then last_arg = last_arg - 1 end
  if ARGV[last_arg] == 'return' then
    return_key, stood_for = KEYS[last_key], tonumber(ARGV[last_arg - 1])
    last_key, last_arg = last_key - 1, last_arg - 2
  end
  local pages, path = {}, nil
  if ARGV[last_arg] == 'page' then
    local m = tonumber(ARGV[last_arg - 1])
    path = ' ' .. ARGV[last_arg - 2] .. ' '
    last_key, last_arg = last_key - m, last_arg - 3 * m - 3
    for j = 1, m do
      local at = last_arg + 3 * j - 2
      local page = { key = KEYS[last_key + j], lifetime = ARGV[at + 1], max = tonumber(ARGV[at + 2]) }
      pages[tonumber(ARGV[at])] = page
    end
  end
  local has_choices = last_arg ~= 2 * last_key
  local n = has_choices and tonumber(ARGV[last_arg]) or last_key
  local keys, intervals, bursts = {}, {}, {}
  local function choose(i, key, at)
    keys[i], intervals[i], bursts[i] = key, tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  end
  for i = 1, n do choose(i, KEYS[i], 2 * i - 1) end

  local found = 0
  if has_choices then
    local tier = redis.pcall('GETRANGE', KEYS[last_key], 0, 256)
    if type(tier) ~= 'string' then found = -2 elseif tier ~= '' then found = -1 end
    if found ~= 0 then
      for j = 1, last_key - n - 1 do
        local at = 2 * n + 4 * j - 3
        local name = ARGV[at + 1]
        if name == '' or name == tier then choose(tonumber(ARGV[at]), KEYS[n + j], at + 2) end
        if name ~= '' and name == tier then found = j end
      end
    end
  end

  -- Takes one of what a bridge left for a socket that it cut. A key that may not be read or written holds none.
  local function takes_return()
    local oldest = return_key and redis.pcall('LINDEX', return_key, 0)
    while type(oldest) == 'string' do
      local ends, count = string.match(oldest, '^(%d+) (%d+)$')
      local is_good = ends and tonumber(ends) * 1000 > now
      if is_good and is_dry_run then return true end
      local taken
      if is_good and tonumber(count) > 1 then
        taken = redis.pcall('LSET', return_key, 0, string.format('%s %d', ends, count - 1))
      else
        taken = redis.pcall('LPOP', return_key)
      end
      if type(taken) == 'table' and taken.err then return false end
      if is_good then return true end
      oldest = redis.pcall('LINDEX', return_key, 0)
    end
    return false
  end

  -- Whether the limit has charged the page that this upgrade belongs to: one with room, which has not had this path yet.
  local function belongs_to(page)
    page.paths = redis.call('GET', page.key)
    if not page.paths or string.find(page.paths, path, 1, true) then return false end
    local _, spaces = string.gsub(page.paths, ' ', '')
    return spaces <= page.max
  end

  -- A charged upgrade is the first of a page, another one the next. The page ends when it would have anyway.
  local function keep(page, is_first)
    if is_first then
      redis.call('SET', page.key, path, 'PX', page.lifetime)
    else
      redis.call('SET', page.key, page.paths .. string.sub(path, 2), 'KEEPTTL')
    end
  end

  local tats, is_charged, admitted = {}, {}, 1
  for i, key in ipairs(keys) do
    local interval = intervals[i]
    local tolerance = interval * bursts[i]
    local tat = tonumber(redis.call('GET', key) or now)
    -- A TAT that no admission can have left means that the clock was set back: start over, one step from full.
    if tat > now + tolerance + interval then tat = now + tolerance end
    if tat < now then tat = now end
    tats[i] = tat
  end
  local function judge(first, last)
    for i = first, last do
      is_charged[i] = not (pages[i] and belongs_to(pages[i]))
      if is_charged[i] and tats[i] - intervals[i] * bursts[i] > now then admitted = 0 end
    end
  end
  judge(stood_for + 1, #keys)
  local is_free = admitted == 1 and takes_return()
  if not is_free then judge(1, stood_for) end

  local reply = { admitted }
  local is_counted = admitted == 1 and not is_dry_run
  for i, key in ipairs(keys) do
    local interval, burst = intervals[i], bursts[i]
    local tolerance = interval * burst
    local tat = tats[i]
    if is_counted and is_charged[i] then
      tat = tat + interval
      redis.call('SET', key, string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000))
    end
    if is_counted and pages[i] and not is_free then keep(pages[i], is_charged[i]) end
    reply[#reply + 1] = math.max(0, math.floor((now + tolerance - tat) / interval) + 1)
    reply[#reply + 1] = math.max(0, tat - tolerance - now)
    reply[#reply + 1] = tat - now
  end
  if has_choices then reply[#reply + 1] = found end
  return reply
end

local function part(list, first, count)
  local taken = {}
  for i = 1, count do taken[i] = list[first + i] end
  return taken
end

-- As Redis would have said it: an error of a command has a code before it, one of Lua has none.
local function words(fault)
  local said = type(fault) == 'table' and fault.err or tostring(fault)
  return string.find(said, '^%u+ ') and said or 'ERR ' .. said
end

local charges, key_at, arg_at = tonumber(ARGV[1]), 0, 1
if charges == 1 and #ARGV == 3 + tonumber(ARGV[3]) then return { charge(KEYS, part(ARGV, 3, #ARGV - 3)) } end

local replies = {}
for i = 1, charges do
  local key_count, arg_count = tonumber(ARGV[arg_at + 1]), tonumber(ARGV[arg_at + 2])
  local is_done, reply = pcall(charge, part(KEYS, key_at, key_count), part(ARGV, arg_at + 2, arg_count))
  replies[i] = is_done and reply or words(reply)
  key_at, arg_at = key_at + key_count, arg_at + 2 + arg_count
end
for i = arg_at + 1, #ARGV do
  local exists = redis.pcall('EXISTS', ARGV[i])
  replies[#replies + 1] = type(exists) == 'number' and exists or words(exists)
end
return replies
