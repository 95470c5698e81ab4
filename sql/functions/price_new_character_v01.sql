-- Nobody sets a price: a new character's follows from its bounty, whatever the INSERT says.
CREATE FUNCTION price_new_character() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.current_price := bounty_fundamental(NEW.bounty);
    NEW.market_cap := NEW.current_price * 1000000;
    NEW.weekly_change := 0;
    NEW.sentiment_score := 0;
    RETURN NEW;
END;
$$;
