SET LOCAL lock_timeout = '5s';

ALTER TABLE datasets
    DROP CONSTRAINT datasets_format_check,
    ADD CONSTRAINT datasets_format_check
        CHECK (format IN ('csv', 'parquet', 'excel', 'json', 'ndjson', 'arrow')) NOT VALID;
ALTER TABLE datasets VALIDATE CONSTRAINT datasets_format_check;
