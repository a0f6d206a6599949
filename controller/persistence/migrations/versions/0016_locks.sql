-- Who locked an object: the account of the person who did it, or none for the platform (an
-- administrator, a file, a job). A lock that somebody above set is not undone from below. Until
-- now only the platform locked, so what is locked is the platform's. No foreign keys: an account
-- that is gone is above nobody.
ALTER TABLE accounts ADD COLUMN locked_by_account_id BIGINT;
ALTER TABLE phones
    ADD COLUMN locked_by_account_id BIGINT,
    ADD COLUMN locked_in_by_account_id BIGINT;
ALTER TABLE mapping_gateways ADD COLUMN locked_by_account_id BIGINT;
ALTER TABLE users ADD COLUMN disabled_by_account_id BIGINT;

-- Whoever changes records in somebody's name says so in the transaction (`tollgate.acts_for`).
-- Triggers keep it, so that no way of writing a lock forgets whose it is.
CREATE FUNCTION acts_for() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CAST(nullif(current_setting('tollgate.acts_for', true), '') AS bigint)
$$;

CREATE FUNCTION keep_locker() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.locked_by_account_id := CASE WHEN NEW.locked THEN acts_for() END;
    RETURN NEW;
END $$;
CREATE FUNCTION keep_locker_in() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.locked_in_by_account_id := CASE WHEN NEW.locked_in THEN acts_for() END;
    RETURN NEW;
END $$;
CREATE FUNCTION keep_disabler() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.disabled_by_account_id := CASE WHEN NEW.disabled THEN acts_for() END;
    RETURN NEW;
END $$;

CREATE TRIGGER account_made_locked BEFORE INSERT ON accounts
    FOR EACH ROW WHEN (NEW.locked) EXECUTE FUNCTION keep_locker();
CREATE TRIGGER account_locked BEFORE UPDATE OF locked ON accounts
    FOR EACH ROW WHEN (OLD.locked <> NEW.locked) EXECUTE FUNCTION keep_locker();
CREATE TRIGGER phone_made_locked BEFORE INSERT ON phones
    FOR EACH ROW WHEN (NEW.locked) EXECUTE FUNCTION keep_locker();
CREATE TRIGGER phone_locked BEFORE UPDATE OF locked ON phones
    FOR EACH ROW WHEN (OLD.locked <> NEW.locked) EXECUTE FUNCTION keep_locker();
CREATE TRIGGER phone_made_locked_in BEFORE INSERT ON phones
    FOR EACH ROW WHEN (NEW.locked_in) EXECUTE FUNCTION keep_locker_in();
CREATE TRIGGER phone_locked_in BEFORE UPDATE OF locked_in ON phones
    FOR EACH ROW WHEN (OLD.locked_in <> NEW.locked_in) EXECUTE FUNCTION keep_locker_in();
CREATE TRIGGER mapping_gateway_made_locked BEFORE INSERT ON mapping_gateways
    FOR EACH ROW WHEN (NEW.locked) EXECUTE FUNCTION keep_locker();
CREATE TRIGGER mapping_gateway_locked BEFORE UPDATE OF locked ON mapping_gateways
    FOR EACH ROW WHEN (OLD.locked <> NEW.locked) EXECUTE FUNCTION keep_locker();
CREATE TRIGGER user_made_disabled BEFORE INSERT ON users
    FOR EACH ROW WHEN (NEW.disabled) EXECUTE FUNCTION keep_disabler();
CREATE TRIGGER user_disabled BEFORE UPDATE OF disabled ON users
    FOR EACH ROW WHEN (OLD.disabled <> NEW.disabled) EXECUTE FUNCTION keep_disabler();

-- a profile is changed by programs too, which say what they saw
DROP TRIGGER user_revision ON users;
CREATE TRIGGER user_revision BEFORE UPDATE OF name, role, account_id, email, disabled, language,
    time_zone ON users FOR EACH ROW EXECUTE FUNCTION next_revision();
